{# Rows for which an expression is false: of the whole row, or, on a column, what follows the column's name (">= 0"). A row for
   which it is null passes. #}
{% test expression_is_true(model, expression, column_name=none) %}
select *
from {{ model }}
where not ({{ column_name ~ ' ' if column_name else '' }}{{ expression }})
{% endtest %}
