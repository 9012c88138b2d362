{# dbt-spark's own macro with one difference. insert_overwrite replaces whole partitions, and what is replaced is days: a table
   by month(business_day) is one by business_day here. Spark's own tables know no partitions by month either. #}
{% macro spark__partition_cols(label, required=false) -%}
{%- set column = config.get('partition_by') -%}
{%- if column %}{{ label }} ({{ column | replace('month(', '') | replace(')', '') }}){% endif -%}
{%- endmacro %}
