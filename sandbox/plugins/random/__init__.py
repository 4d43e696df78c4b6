"""The sandbox's `random` provider: values are made once and live in the state, as with the published 4.21.4."""
