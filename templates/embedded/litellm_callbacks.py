{% include "docker/litellm_callbacks.py" %}
