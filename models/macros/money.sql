{# amount / count as decimal(38,4), rounded half up, without a step through floating point. Null when count is 0. #}
{% macro exact_ratio(amount, count) -%}
case when {{ count }} > 0 then
    cast((cast(({{ amount }}) * 10000 as hugeint) * 2 + {{ count }}) // (2 * cast({{ count }} as hugeint)) as decimal(34, 0))
    * cast(0.0001 as decimal(4, 4))
end
{%- endmacro %}
