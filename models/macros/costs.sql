{# The items of purchases whose cost is known, with what they cost: a piece costs what the last receipt of its product at or
    before the purchase paid, of several at one instant the first to arrive. A unit_cost carries no currency; it is in the
    project's cost_currency. #}
{% macro costed_items() -%}
(
    with costs as (
        select product_id, ts, {{ first_by('unit_cost', arrival()) }} as unit_cost
        from {{ ref('stock') }}
        where unit_cost is not null and change > 0
        group by product_id, ts
    ),

    items as (
        select event_id, product_id, quantity, amount, reporting_amount, currency, ts, business_day
        from {{ ref('purchase_items') }}
        {%- if is_incremental() %}
        where business_day in ({{ var('touched_days') }})
        {%- endif %}
    ),

    rates as (
        select *
        from {{ ref('daily_rates') }}
        where currency = '{{ var("cost_currency") }}'
        {%- if is_incremental() %}
            and business_day in ({{ var('touched_days') }})
        {%- endif %}
    )

    select
        items.business_day,
        items.event_id,
        items.product_id,
        items.amount,
        {{ extended('items.quantity', 'costs.unit_cost') }} as cost,
        items.currency = '{{ var("cost_currency") }}' as is_cost_currency,
        items.reporting_amount,
        {{ reporting_amount(extended('items.quantity', 'costs.unit_cost'), 'rates') }} as reporting_cost
    from items
    {{ join_last_known('costs', 'items', 'product_id', 'ts') }}
    join rates on rates.business_day = items.business_day
)
{%- endmacro %}

{# The sums of costed items. Sales in other currencies than the costs' have a cost in the reporting currency alone, at the rate of
    the day of the sale. #}
{% macro cost_sums() -%}
cast(sum(costed.amount) filter (where costed.is_cost_currency) as decimal(38, 4)) as costed_gmv,
        cast(sum(costed.cost) filter (where costed.is_cost_currency) as decimal(38, 4)) as cost,
        cast(sum(costed.reporting_amount) filter (where costed.reporting_cost is not null) as decimal(38, 4))
            as reporting_costed_gmv,
        cast(sum(costed.reporting_cost) filter (where costed.reporting_amount is not null) as decimal(38, 4))
            as reporting_cost
{%- endmacro %}
