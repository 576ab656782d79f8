"""Gateways under s6: slots, boot reconciliation, and the commands inside the container."""
