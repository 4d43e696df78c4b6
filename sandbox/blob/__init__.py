"""The emulated blob storage: Azurite behind a proxy that checks tokens and role assignments."""
