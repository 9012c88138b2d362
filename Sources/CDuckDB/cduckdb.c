#include "cduckdb.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char python_library[] = "libpython3.11.so.1.0";

int cartograph_duckdb_load(const char *path, cartograph_duckdb_api *api, char *error, size_t error_size) {
    // Global, so that the DuckDB library opened next finds its Python symbols in it.
    if (!dlopen(python_library, RTLD_NOW | RTLD_GLOBAL)) {
        snprintf(error, error_size, "%s cannot be opened (%s); install it: apt-get install libpython3.11",
                 python_library, dlerror());
        return -1;
    }
    // Lazy binding: the Python module's functions in the library need symbols that are never used.
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
        snprintf(error, error_size, "%s cannot be opened (%s)", path, dlerror());
        return -1;
    }
#define X(name)                                                                                                        \
    {                                                                                                                  \
        void *symbol = dlsym(library, #name);                                                                          \
        if (!symbol) {                                                                                                 \
            snprintf(error, error_size, "%s has no function %s: it is not a DuckDB 1.5 library", path, #name);         \
            return -1;                                                                                                 \
        }                                                                                                              \
        memcpy(&api->name, &symbol, sizeof symbol);                                                                    \
    }
    CARTOGRAPH_DUCKDB_FUNCTIONS(X)
#undef X
    return 0;
}
