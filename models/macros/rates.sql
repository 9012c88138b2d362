{# An amount in the reporting currency at the day's rate, as decimal(38, 4), rounded half up and without a step through floating
   point; as it is where it is in that currency already, and null where there is no rate. `rates` names rows of daily_rates:
   amount x units of the reporting currency for one euro / units of the amount's currency for one euro. #}
{% macro reporting_amount(amount, rates) -%}
{%- set own = millionths(rates ~ '.rate_per_eur') -%}
case
        when {{ rates }}.currency = {{ rates }}.reporting_currency then cast({{ amount }} as decimal(38, 4))
        else cast({{ whole_quotient(
            'cast(cast(' ~ amount ~ ' as decimal(38, 4)) * 10000 as ' ~ type_whole() ~ ') * '
                ~ millionths(rates ~ '.reporting_rate_per_eur') ~ ' + ' ~ whole_quotient(own, 2),
            own) }} as decimal(34, 0)) * cast(0.0001 as decimal(4, 4))
    end
{%- endmacro %}

{# A rate as a whole number. #}
{% macro millionths(rate) -%}
cast(cast({{ rate }} as decimal(38, 6)) * 1000000 as {{ type_whole() }})
{%- endmacro %}

{# quantity x price, exact: the engine does not widen a product past 18 digits by itself, and the largest events have 24. #}
{% macro extended(quantity, price) -%}
cast(cast({{ price }} as decimal(28, 4)) * {{ quantity }} as decimal(38, 4))
{%- endmacro %}
