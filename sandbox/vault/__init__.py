"""The emulated Key Vault: secrets that ARM holds, read by whoever a role lets."""
