{# Cartograph's own runner has these two built in; here they are for plain dbt. #}

{# The rows of a relation that the model has not read yet. Reading all of them instead gives the same table: every model
   that uses this leaves out what it has already. #}
{% macro new_rows(relation) -%}
{{ relation }}
{%- endmacro %}

{# Schemas are named as the models say (silver, gold), without the target's name in front. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
{{ custom_schema_name or target.schema }}
{%- endmacro %}
