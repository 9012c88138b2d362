#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A JSON parser that shares nothing with the event decoder: simdjson's DOM, one document at a time.
typedef struct csimdjson_parser csimdjson_parser;

csimdjson_parser *csimdjson_create(void);
void csimdjson_destroy(csimdjson_parser *parser);

enum csimdjson_document {
    /// A JSON object.
    csimdjson_object,
    /// JSON of another type.
    csimdjson_other,
    /// Nested deeper than the parser follows.
    csimdjson_deep,
    /// Not JSON.
    csimdjson_malformed,
    /// Not UTF-8.
    csimdjson_not_utf8,
};

/// Parses `count` bytes and keeps the document until the next call.
///
/// simdjson refuses integers beyond 64 bits and decimals beyond a double, both of which are JSON: when it refuses a
/// number, numbers of 19 digits and more or with an exponent are written shorter and the text is judged again.
enum csimdjson_document csimdjson_parse(csimdjson_parser *parser, const uint8_t *bytes, size_t count);

/// How deeply the values of the document's members nest: 0 without an array or object. The members of the objects in
/// the array `items` count from 0 again, and so do that array's other elements.
size_t csimdjson_depth(const csimdjson_parser *parser);

enum csimdjson_type {
    csimdjson_absent,
    csimdjson_null,
    csimdjson_boolean,
    csimdjson_integer,
    csimdjson_decimal,
    csimdjson_string,
    csimdjson_array,
    csimdjson_object_value,
};

struct csimdjson_value {
    enum csimdjson_type type;
    int64_t integer;
    double decimal;
    const char *string;
    size_t count;
};

/// The document's member of a name: the last one when there are several.
struct csimdjson_value csimdjson_member(const csimdjson_parser *parser, const char *name);

/// How many elements the last array `items` has.
size_t csimdjson_item_count(const csimdjson_parser *parser);

/// A member of the object that is element `index` of the last array `items`; absent when that is no object.
struct csimdjson_value csimdjson_item_member(const csimdjson_parser *parser, size_t index, const char *name);

/// The microseconds since 1970 UTC of an RFC 3339 date-time, by the C library's calendar; 0 and no change to `micros`
/// when the text is none.
int csimdjson_instant(const char *text, size_t count, int64_t *micros);

/// The double nearest to `-?digits[.1 to 4 digits]` with at most 14 digits before the point; 0 and no change to
/// `amount` when the text is anything else.
int csimdjson_amount(const char *text, size_t count, double *amount);

#ifdef __cplusplus
}
#endif
