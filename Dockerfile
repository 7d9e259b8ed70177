# One image for everything of Airflow: API server, scheduler, DAG processor, triggerer, and the deployment before them.
# A container's command says which of them it is, so health checks stand in compose.yaml and not here.
# 3.11: what the tests ran on. For later ones requirements.lock has other versions of a few packages.
FROM python:3.11-slim

# Numeric, for schedulers of containers that want to see that it is not root.
RUN useradd --uid 50000 --user-group --create-home daybreak \
    && install --directory --owner=daybreak --group=daybreak /var/lib/daybreak

WORKDIR /opt/daybreak

# Packages first: this layer stays until one of the two files changes. The lock only bounds what the project and Airflow
# ask for, so the development tools in it are left out; what has no hash in it is refused.
COPY pyproject.toml requirements.lock ./
RUN pip install --root-user-action=ignore --no-cache-dir uv==0.13.9 \
    && uv pip install --system --no-cache --compile-bytecode --require-hashes \
        --requirements pyproject.toml --extra spark --group airflow --constraints requirements.lock \
    && pip uninstall --root-user-action=ignore --yes uv

COPY . .
# The manifest is part of the image: the DAG files of all containers read the same one. The deployment writes it again.
RUN pip install --root-user-action=ignore --no-cache-dir --no-deps --no-build-isolation --editable . \
    && python -m compileall -q warehouse ingestion expectations modeling serving monitoring transformation engine local orchestration cli *.py \
    && python -c "from orchestration.airflow.deploy import write_manifest; print(write_manifest())" \
    && chown --recursive daybreak:daybreak dbt_project/target

# AIRFLOW_CONFIG: a file there would keep the defaults of the version that wrote it; settings are variables.
ENV PYTHONUNBUFFERED=1 \
    DAYBREAK_HOME=/var/lib/daybreak \
    AIRFLOW_HOME=/var/lib/daybreak/airflow \
    AIRFLOW_CONFIG=/dev/null \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/daybreak/orchestration/dags \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/var/lib/daybreak/passwords.json

USER 50000:50000
WORKDIR /var/lib/daybreak
CMD ["python", "-m", "orchestration.airflow.deploy"]
