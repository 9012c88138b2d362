{# Clauses and functions that engines spell in their own ways. #}

{# Stands behind the `as` of a common table expression that is read several times and should be computed once. Spark has no
   word for it. #}
{% macro materialized() -%}
{% if target.type not in ('spark', 'databricks') %}materialized {% endif %}
{%- endmacro %}

{# Joins each row of one relation with the last row of another that has the same key and is not after it. Rows without
   one are left out. In the other the key and the time are unique together. #}
{% macro join_last_known(other, rows, key, time) -%}
{{ adapter.dispatch('join_last_known', 'cartograph')(other, rows, key, time) }}
{%- endmacro %}

{% macro duckdb__join_last_known(other, rows, key, time) -%}
asof join {{ other }} on {{ other }}.{{ key }} = {{ rows }}.{{ key }} and {{ other }}.{{ time }} <= {{ rows }}.{{ time }}
{%- endmacro %}

{% macro default__join_last_known(other, rows, key, time) -%}
join (
        select *, lead({{ time }}) over (partition by {{ key }} order by {{ time }}) as next_time
        from {{ other }}
    ) as {{ other }}
        on {{ other }}.{{ key }} = {{ rows }}.{{ key }}
        and {{ other }}.{{ time }} <= {{ rows }}.{{ time }}
        and ({{ other }}.next_time is null or {{ other }}.next_time > {{ rows }}.{{ time }})
{%- endmacro %}

{# A text with every run of white space as one space, and none around it. #}
{% macro single_spaced(value) -%}
{{ adapter.dispatch('single_spaced', 'cartograph')(value) }}
{%- endmacro %}

{% macro default__single_spaced(value) -%}
trim(regexp_replace({{ value }}, '[ \t\n\f\r]+', ' ', 'g'))
{%- endmacro %}

{% macro duckdb__single_spaced(value) -%}
trim(regexp_replace({{ value }}, '\s+', ' ', 'g'))
{%- endmacro %}

{% macro spark__single_spaced(value) -%}
trim(regexp_replace({{ value }}, r'[ \t\n\f\r]+', ' '))
{%- endmacro %}

{# A text to order rows by, byte by byte whatever the database's language. #}
{% macro by_bytes(value) -%}
{{ value }}{{ ' collate "C"' if target.type == 'postgres' }}
{%- endmacro %}

{# A text in quotes. #}
{% macro quoted(value) -%}
{{ dbt.string_literal(dbt.escape_single_quotes(value)) }}
{%- endmacro %}
