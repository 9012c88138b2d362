// The part of DuckDB's C API that Engine calls, as a table of function pointers filled at run time.
//
// Nothing here is linked: the program starts without the library and can say what is missing. duckdb.h comes from the
// same DuckDB release as the library (scripts/bootstrap puts it beside this file) and gives every pointer its type, so a
// changed signature is a compile error and not a crash.
#ifndef CARTOGRAPH_CDUCKDB_H
#define CARTOGRAPH_CDUCKDB_H

#include <stddef.h>

#include "duckdb.h"

#define CARTOGRAPH_DUCKDB_FUNCTIONS(X)                                                                                 \
    X(duckdb_library_version)                                                                                          \
    X(duckdb_create_config)                                                                                            \
    X(duckdb_set_config)                                                                                               \
    X(duckdb_destroy_config)                                                                                           \
    X(duckdb_open_ext)                                                                                                 \
    X(duckdb_close)                                                                                                    \
    X(duckdb_connect)                                                                                                  \
    X(duckdb_disconnect)                                                                                               \
    X(duckdb_interrupt)                                                                                                \
    X(duckdb_free)                                                                                                     \
    X(duckdb_query)                                                                                                    \
    X(duckdb_destroy_result)                                                                                           \
    X(duckdb_result_error)                                                                                             \
    X(duckdb_result_error_type)                                                                                        \
    X(duckdb_rows_changed)                                                                                             \
    X(duckdb_column_count)                                                                                             \
    X(duckdb_column_name)                                                                                              \
    X(duckdb_column_logical_type)                                                                                      \
    X(duckdb_fetch_chunk)                                                                                              \
    X(duckdb_prepare)                                                                                                  \
    X(duckdb_prepare_error)                                                                                            \
    X(duckdb_destroy_prepare)                                                                                          \
    X(duckdb_nparams)                                                                                                  \
    X(duckdb_prepared_statement_column_count)                                                                          \
    X(duckdb_prepared_statement_column_name)                                                                           \
    X(duckdb_prepared_statement_column_logical_type)                                                                   \
    X(duckdb_bind_null)                                                                                                \
    X(duckdb_bind_boolean)                                                                                             \
    X(duckdb_bind_int64)                                                                                               \
    X(duckdb_bind_double)                                                                                              \
    X(duckdb_bind_decimal)                                                                                             \
    X(duckdb_bind_varchar_length)                                                                                      \
    X(duckdb_bind_blob)                                                                                                \
    X(duckdb_bind_date)                                                                                                \
    X(duckdb_bind_timestamp_tz)                                                                                        \
    X(duckdb_execute_prepared)                                                                                         \
    X(duckdb_execute_prepared_streaming)                                                                               \
    X(duckdb_create_logical_type)                                                                                      \
    X(duckdb_create_decimal_type)                                                                                      \
    X(duckdb_create_list_type)                                                                                         \
    X(duckdb_create_struct_type)                                                                                       \
    X(duckdb_destroy_logical_type)                                                                                     \
    X(duckdb_get_type_id)                                                                                              \
    X(duckdb_decimal_width)                                                                                            \
    X(duckdb_decimal_scale)                                                                                            \
    X(duckdb_decimal_internal_type)                                                                                    \
    X(duckdb_enum_internal_type)                                                                                       \
    X(duckdb_enum_dictionary_size)                                                                                     \
    X(duckdb_enum_dictionary_value)                                                                                    \
    X(duckdb_list_type_child_type)                                                                                     \
    X(duckdb_map_type_key_type)                                                                                        \
    X(duckdb_map_type_value_type)                                                                                      \
    X(duckdb_struct_type_child_count)                                                                                  \
    X(duckdb_struct_type_child_name)                                                                                   \
    X(duckdb_struct_type_child_type)                                                                                   \
    X(duckdb_destroy_data_chunk)                                                                                       \
    X(duckdb_data_chunk_get_size)                                                                                      \
    X(duckdb_data_chunk_set_size)                                                                                      \
    X(duckdb_data_chunk_get_vector)                                                                                    \
    X(duckdb_vector_size)                                                                                              \
    X(duckdb_vector_get_data)                                                                                          \
    X(duckdb_vector_get_validity)                                                                                      \
    X(duckdb_vector_ensure_validity_writable)                                                                          \
    X(duckdb_vector_assign_string_element_len)                                                                         \
    X(duckdb_list_vector_get_child)                                                                                    \
    X(duckdb_list_vector_reserve)                                                                                      \
    X(duckdb_list_vector_set_size)                                                                                     \
    X(duckdb_struct_vector_get_child)                                                                                  \
    X(duckdb_create_table_function)                                                                                    \
    X(duckdb_destroy_table_function)                                                                                   \
    X(duckdb_table_function_set_name)                                                                                  \
    X(duckdb_table_function_set_extra_info)                                                                            \
    X(duckdb_table_function_set_bind)                                                                                  \
    X(duckdb_table_function_set_init)                                                                                  \
    X(duckdb_table_function_set_function)                                                                              \
    X(duckdb_register_table_function)                                                                                  \
    X(duckdb_bind_get_extra_info)                                                                                      \
    X(duckdb_bind_add_result_column)                                                                                   \
    X(duckdb_bind_set_cardinality)                                                                                     \
    X(duckdb_bind_set_error)                                                                                           \
    X(duckdb_init_get_extra_info)                                                                                      \
    X(duckdb_table_function_add_parameter)                                                                             \
    X(duckdb_bind_get_parameter)                                                                                       \
    X(duckdb_get_int64)                                                                                                \
    X(duckdb_destroy_value)                                                                                            \
    X(duckdb_bind_set_bind_data)                                                                                       \
    X(duckdb_init_get_bind_data)                                                                                       \
    X(duckdb_init_set_init_data)                                                                                       \
    X(duckdb_function_get_init_data)                                                                                   \
    X(duckdb_init_set_max_threads)                                                                                     \
    X(duckdb_init_set_error)                                                                                           \
    X(duckdb_function_get_extra_info)                                                                                  \
    X(duckdb_function_set_error)

typedef struct {
#define X(name) __typeof__(&name) name;
    CARTOGRAPH_DUCKDB_FUNCTIONS(X)
#undef X
} cartograph_duckdb_api;

// Opens Python's library (the DuckDB wheel leaves its symbols undefined; none of them is ever called by us), then the
// DuckDB library at `path`, and fills `api`. Returns 0, or -1 with a sentence in `error`. The libraries stay open for
// the life of the process: unloading one that has started threads cannot be made safe.
int cartograph_duckdb_load(const char *path, cartograph_duckdb_api *api, char *error, size_t error_size);

#endif
