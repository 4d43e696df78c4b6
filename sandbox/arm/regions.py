"""Azure regions that the emulator offers (public cloud, ARM location names)."""

from __future__ import annotations

REGIONS = frozenset(
    """
    australiaeast australiasoutheast austriaeast brazilsouth canadacentral canadaeast centralindia centralus eastasia
    eastus eastus2 francecentral germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest
    koreacentral malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast polandcentral
    qatarcentral southafricanorth southcentralus southeastasia southindia spaincentral swedencentral switzerlandnorth
    uaenorth uksouth ukwest westcentralus westeurope westus westus2 westus3
    """.split()  # noqa: SIM905 - a list of bare words
)


def normal(location: str) -> str:
    """'West Europe' and 'westeurope' are the same region."""
    return location.replace(" ", "").lower()
