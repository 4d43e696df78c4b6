"""How a revision of a team's repository arrives: the webhook's keys, what came by it, and the team's mirror.

`webhook` is what a caller may do, `guesses` how often it may be wrong, `journal` what the database knows of it, `keys`
how a key is made, `mirror` the way to the tenant's git mirror, `arrival` how far a revision has come. See ADR 19.
"""
