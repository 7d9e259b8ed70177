# One image for the API server, scheduler, DAG processor, triggerer and deployment of Airflow. The command of a container
# selects one of them, so health checks are in compose.yaml.
# 3.11: the version that the tests use. For later ones, requirements.lock has other versions of a few packages.
FROM python:3.11-slim

# A numeric id, for platforms that check that the user is not root.
RUN useradd --uid 50000 --user-group --create-home daybreak \
    && install --directory --owner=daybreak --group=daybreak /var/lib/daybreak

WORKDIR /opt/daybreak

# Packages first: this layer is reused until one of the two files changes. The lock only constrains the packages of the
# project and Airflow, so its development tools are not installed; a package without a hash is refused.
COPY pyproject.toml requirements.lock ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.txt \
    && pip install --root-user-action=ignore --no-cache-dir --require-hashes --requirement /tmp/uv.txt \
    && uv pip install --system --no-cache --compile-bytecode --require-hashes \
        --requirements pyproject.toml --extra spark --group airflow --constraints requirements.lock \
    && pip uninstall --root-user-action=ignore --yes uv

COPY . .
# The manifest is part of the image, so that the DAG files of all containers read the same one. The deployment rewrites it.
RUN pip install --root-user-action=ignore --no-cache-dir --no-deps --no-build-isolation --editable . \
    && python -m compileall -q warehouse ingestion expectations modeling serving monitoring transformation engine local orchestration cli *.py \
    && python -c "from orchestration.airflow.deploy import write_manifest; print(write_manifest())" \
    && chown --recursive daybreak:daybreak dbt_project/target

# AIRFLOW_CONFIG: a file would keep the defaults of the version that wrote it; settings are variables.
ENV PYTHONUNBUFFERED=1 \
    DAYBREAK_HOME=/var/lib/daybreak \
    AIRFLOW_HOME=/var/lib/daybreak/airflow \
    AIRFLOW_CONFIG=/dev/null \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/daybreak/orchestration/dags \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/var/lib/daybreak/passwords.json

USER 50000:50000
WORKDIR /var/lib/daybreak
CMD ["python", "-m", "orchestration.airflow.deploy"]
