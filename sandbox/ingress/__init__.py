"""The way in from outside: what AKS' application routing does for the Ingress objects of its class.

An HTTPS reverse proxy on the loopback interface, as a process of the host; Services are reached by their cluster
addresses. Left out of what the add-on does: WebSockets, which Airflow's UI does not use, and the copy of a vault's
certificate, since the sandbox's authority signs one for each host.
"""

from sandbox.ingress.server import IngressServer

__all__ = ["IngressServer"]
