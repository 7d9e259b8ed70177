"""Airflow 3: the steps as tasks, and the deployment."""
