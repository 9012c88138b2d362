{# A dimension of a sale as the marts name it: unknown where the event does not say. #}
{% macro known(column) -%}
coalesce(nullif({{ column }}, ''), 'unknown')
{%- endmacro %}

{# What the counted purchases in `sales` come to, with the cost of what they hold in `costs`. #}
{% macro sales_measures() -%}
count(*) as orders,
        cast(sum(sales.units) as bigint) as units,
        cast(sum(sales.gmv) as decimal(38, 4)) as gmv,
        cast(sum(sales.discount) as decimal(38, 4)) as discount,
        cast(sum(sales.revenue) as decimal(38, 4)) as revenue,
        cast(sum(coalesce(costs.costed_gmv, 0)) as decimal(38, 4)) as costed_gmv,
        cast(sum(costs.cost) as decimal(38, 4)) as cost,
        cast(sum(costs.costed_gmv - costs.cost) as decimal(38, 4)) as margin,
        {{ reporting_measures() }},
        cast(sum(costs.reporting_costed_gmv) as decimal(38, 4)) as reporting_costed_gmv,
        cast(sum(costs.reporting_cost) as decimal(38, 4)) as reporting_cost,
        cast(sum(costs.reporting_costed_gmv - costs.reporting_cost) as decimal(38, 4)) as reporting_margin
{%- endmacro %}

{# These measures, summed up already, as the marts list them after the number of orders. #}
{% macro sales_columns() -%}
units,
    gmv,
    discount,
    revenue,
    {{ exact_ratio('revenue', 'orders') }} as aov,
    costed_gmv,
    cost,
    margin,
    '{{ var("reporting_currency") }}' as reporting_currency,
    reporting_gmv,
    reporting_discount,
    reporting_revenue,
    orders_without_rate,
    reporting_costed_gmv,
    reporting_cost,
    reporting_margin
{%- endmacro %}

{# The same purchases in the reporting currency; those without a rate are counted and not in the sums, which are null where
   there is no other. #}
{% macro reporting_measures() -%}
cast(sum(sales.reporting_gmv) as decimal(38, 4)) as reporting_gmv,
        cast(sum(sales.reporting_discount) as decimal(38, 4)) as reporting_discount,
        cast(sum(sales.reporting_revenue) as decimal(38, 4)) as reporting_revenue,
        count(*) - count(sales.reporting_revenue) as orders_without_rate
{%- endmacro %}
