"""Entry point of the executable `pulumi-resource-azure-native`."""

from sandbox.plugins.azure_native.plugin import AzureNative
from sandbox.plugins.server import serve

serve(AzureNative)
