"""What `ariel` runs on a laptop, in a process of its own, to work on a team's repository without a cluster."""
