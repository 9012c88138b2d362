{# An amount in the reporting currency at the day's rate, as decimal(38, 4), rounded half up and without a step through floating
   point; as it is where it is in that currency already, and null where there is no rate. `rates` names rows of daily_rates:
   amount x units of the reporting currency for one euro / units of the amount's currency for one euro. #}
{% macro reporting_amount(amount, rates) -%}
case
        when {{ rates }}.currency = {{ rates }}.reporting_currency then cast({{ amount }} as decimal(38, 4))
        else cast((
            cast(({{ amount }}) * 10000 as hugeint) * cast({{ rates }}.reporting_rate_per_eur * 1000000 as hugeint)
            + cast({{ rates }}.rate_per_eur * 1000000 as hugeint) // 2
        ) // cast({{ rates }}.rate_per_eur * 1000000 as hugeint) as decimal(34, 0)) * cast(0.0001 as decimal(4, 4))
    end
{%- endmacro %}
