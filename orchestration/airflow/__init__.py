"""The steps as tasks of Airflow 3, and what a deployment needs around them."""
