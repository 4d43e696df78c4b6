"""The emulated Key Vault: secrets that ARM holds, listed, read and set by whoever a role lets."""
