"""The emulated Entra: tokens for workloads that prove themselves by a federated credential."""
