{# The items of a purchase: a list of (product_id, quantity, unit_price). In PostgreSQL an array of a composite type. #}

{# One row for each item, as two columns to be selected: item, and item_number from 1 on. #}
{% macro each_item(items) -%}
{{ adapter.dispatch('each_item', 'cartograph')(items) }}
{%- endmacro %}

{% macro default__each_item(items) -%}
unnest({{ items }}) as item,
        generate_subscripts({{ items }}, 1) as item_number
{%- endmacro %}

{% macro spark__each_item(items) -%}
posexplode({{ items }}) as (item_number, item)
{%- endmacro %}

{# The number of an item, from 1 on, of the column item_number. #}
{% macro item_number(column) -%}
cast({{ column }}{{ ' + 1' if target.type in ('spark', 'databricks') }} as integer)
{%- endmacro %}

{# The sum over a purchase's items of what an expression says of `item`; items of which it is null do not count, and it is 0
   for no items. #}
{% macro sum_of_items(items, expression) -%}
{{ adapter.dispatch('sum_of_items', 'cartograph')(items, expression) }}
{%- endmacro %}

{% macro default__sum_of_items(items, expression) -%}
coalesce((select sum({{ expression }}) from unnest({{ items }}) as item), 0)
{%- endmacro %}

{% macro duckdb__sum_of_items(items, expression) -%}
coalesce(list_sum(list_transform({{ items }}, lambda item: {{ expression }})), 0)
{%- endmacro %}

{% macro spark__sum_of_items(items, expression) -%}
coalesce(aggregate({{ items }}, cast(0 as decimal(38, 4)), (total, item) ->
        cast(total + coalesce({{ expression }}, 0) as decimal(38, 4))), 0)
{%- endmacro %}
