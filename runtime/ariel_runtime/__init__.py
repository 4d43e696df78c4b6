"""What runs inside ariel's pods. It knows Airflow and Kubernetes, and nothing of the program that deploys it."""
