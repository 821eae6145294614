"""Amazon EC2 Auto Scaling: groups, policies that react, policies that look ahead."""
