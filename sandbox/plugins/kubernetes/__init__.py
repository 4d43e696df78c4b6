"""The sandbox's `kubernetes` provider: any kind by discovery, and Helm releases; models the published 4.34.2."""
