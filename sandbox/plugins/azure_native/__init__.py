"""The azure-native plug-in of the sandbox: a thin client of the emulated ARM, driven by one table of types."""
