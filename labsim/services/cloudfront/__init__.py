"""Amazon CloudFront: edges that keep copies, the origin behind them, and the bill."""
