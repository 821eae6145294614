"""Elastic Load Balancing: balancers, their nodes, targets, users and traffic."""
