{# Which piece of time, as long as the gap between sessions, an event falls into. #}
{% macro session_piece() -%}
{{ quotient(microseconds('ts'), 'cast(' ~ var("session_gap_minutes") ~ ' as bigint) * 60000000') }}
{%- endmacro %}

{# The order of a user's events of one topic as a number: by time, then by arrival. One user's events of a topic are in one
   partition of the log, so their offsets rise as they arrive. Offsets have 47 bits. #}
{% macro session_order(relation='') -%}
cast({{ microseconds(relation ~ 'ts') }} as {{ type_whole() }}) * 140737488355328 + {{ relation }}log_offset
{%- endmacro %}
