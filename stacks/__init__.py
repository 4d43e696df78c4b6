"""What an environment may say: typed, frozen settings, tenants, naming, addressing, versions, role ids."""
