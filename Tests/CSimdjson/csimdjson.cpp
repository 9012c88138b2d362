#include "csimdjson.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <regex>
#include <string>
#include <string_view>

using simdjson::dom::element;
using simdjson::dom::element_type;

struct csimdjson_parser {
    simdjson::dom::parser parser;
    element root;
    std::string text;
    bool has_items = false;
    simdjson::dom::array items;
};

extern "C" csimdjson_parser *csimdjson_create(void) { return new csimdjson_parser; }
extern "C" void csimdjson_destroy(csimdjson_parser *parser) { delete parser; }

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number_byte(char c) { return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

/// Behind the JSON number at `i`, and how many digits it has; `i` itself when there is none.
size_t number_end(const std::string &text, size_t i, size_t &digits, bool &exponent) {
    const size_t start = i;
    digits = 0;
    exponent = false;
    if (i < text.size() && text[i] == '-') i++;
    const size_t whole = i;
    while (i < text.size() && is_digit(text[i])) i++, digits++;
    if (i == whole || (text[whole] == '0' && i - whole > 1)) return start;
    if (i < text.size() && text[i] == '.') {
        const size_t first = ++i;
        while (i < text.size() && is_digit(text[i])) i++, digits++;
        if (i == first) return start;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        exponent = true;
        i++;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) i++;
        const size_t first = i;
        while (i < text.size() && is_digit(text[i])) i++;
        if (i == first) return start;
    }
    return i;
}

/// The text with every number that may be beyond 64 bits or a double written as 1.5, which is no integer.
std::string with_short_numbers(const std::string &text) {
    std::string out;
    size_t i = 0;
    while (i < text.size()) {
        if (text[i] == '"') {
            size_t end = i + 1;
            while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, text.size());
            out.append(text, i, end - i);
            i = end;
        } else if (text[i] == '-' || is_digit(text[i])) {
            size_t digits, run = i;
            bool exponent;
            while (run < text.size() && is_number_byte(text[run])) run++;
            const size_t end = number_end(text, i, digits, exponent);
            // What goes on with more of a number is none, and stays as it is.
            if (end == run && (digits >= 19 || exponent)) {
                out += "1.5";
            } else {
                out.append(text, i, run - i);
            }
            i = run;
        } else {
            out += text[i++];
        }
    }
    return out;
}

size_t depth(element value) {
    size_t inner = 0;
    switch (value.type()) {
    case element_type::ARRAY:
        for (element child : simdjson::dom::array(value)) inner = std::max(inner, depth(child));
        return inner + 1;
    case element_type::OBJECT:
        for (auto member : simdjson::dom::object(value)) inner = std::max(inner, depth(member.value));
        return inner + 1;
    default:
        return 0;
    }
}

csimdjson_value value_of(element found) {
    csimdjson_value value = {csimdjson_absent, 0, 0, nullptr, 0};
    switch (found.type()) {
    case element_type::NULL_VALUE: value.type = csimdjson_null; break;
    case element_type::BOOL: value.type = csimdjson_boolean; break;
    case element_type::INT64:
        value.type = csimdjson_integer;
        value.integer = int64_t(found);
        value.decimal = double(value.integer);
        break;
    case element_type::UINT64:
        // Beyond an Int64: no field takes it, and as a decimal it is past every bound too.
        value.type = csimdjson_decimal;
        value.decimal = double(uint64_t(found));
        break;
    case element_type::DOUBLE:
        value.type = csimdjson_decimal;
        value.decimal = double(found);
        break;
    case element_type::STRING: {
        std::string_view text = found;
        value.type = csimdjson_string;
        value.string = text.data();
        value.count = text.size();
        break;
    }
    case element_type::ARRAY: value.type = csimdjson_array; break;
    case element_type::OBJECT: value.type = csimdjson_object_value; break;
    }
    return value;
}

csimdjson_value last_member(element object, std::string_view name) {
    csimdjson_value value = {csimdjson_absent, 0, 0, nullptr, 0};
    if (object.type() != element_type::OBJECT) return value;
    for (auto member : simdjson::dom::object(object))
        if (member.key == name) value = value_of(member.value);
    return value;
}

} // namespace

extern "C" csimdjson_document csimdjson_parse(csimdjson_parser *self, const uint8_t *bytes, size_t count) {
    self->has_items = false;
    self->text.assign(reinterpret_cast<const char *>(bytes), count);
    if (!simdjson::validate_utf8(self->text)) return csimdjson_not_utf8;
    auto error = self->parser.parse(self->text).get(self->root);
    if (error == simdjson::NUMBER_ERROR) {
        self->text = with_short_numbers(self->text);
        error = self->parser.parse(self->text).get(self->root);
    }
    if (error == simdjson::DEPTH_ERROR) return csimdjson_deep;
    if (error != simdjson::SUCCESS) return csimdjson_malformed;
    if (self->root.type() != element_type::OBJECT) return csimdjson_other;
    for (auto member : simdjson::dom::object(self->root)) {
        if (member.key != std::string_view("items")) continue;
        self->has_items = member.value.type() == element_type::ARRAY;
        if (self->has_items) self->items = simdjson::dom::array(member.value);
    }
    return csimdjson_object;
}

extern "C" size_t csimdjson_depth(const csimdjson_parser *self) {
    size_t deepest = 0;
    for (auto member : simdjson::dom::object(self->root)) {
        if (member.key != std::string_view("items") || member.value.type() != element_type::ARRAY) {
            deepest = std::max(deepest, depth(member.value));
            continue;
        }
        for (element item : simdjson::dom::array(member.value)) {
            if (item.type() != element_type::OBJECT) {
                deepest = std::max(deepest, depth(item));
                continue;
            }
            for (auto part : simdjson::dom::object(item)) deepest = std::max(deepest, depth(part.value));
        }
    }
    return deepest;
}

extern "C" csimdjson_value csimdjson_member(const csimdjson_parser *self, const char *name) {
    return last_member(self->root, name);
}

extern "C" size_t csimdjson_item_count(const csimdjson_parser *self) {
    size_t count = 0;
    if (self->has_items)
        for (element item : self->items) (void)item, count++;
    return count;
}

extern "C" csimdjson_value csimdjson_item_member(const csimdjson_parser *self, size_t index, const char *name) {
    size_t at = 0;
    if (self->has_items)
        for (element item : self->items)
            if (at++ == index) return last_member(item, name);
    return {csimdjson_absent, 0, 0, nullptr, 0};
}

extern "C" int csimdjson_instant(const char *text, size_t count, int64_t *micros) {
    static const std::regex form(
        "(\\d{4})-(\\d\\d)-(\\d\\d)[Tt ](\\d\\d):(\\d\\d):(\\d\\d)(?:\\.(\\d{1,9}))?(?:[Zz]|([+-])(\\d\\d):(\\d\\d))");
    std::cmatch found;
    if (!std::regex_match(text, text + count, found, form)) return 0;
    auto number = [&](size_t group) { return std::atoi(found[group].str().c_str()); };
    struct tm parts = {};
    parts.tm_year = number(1) - 1900;
    parts.tm_mon = number(2) - 1;
    parts.tm_mday = number(3);
    parts.tm_hour = number(4);
    parts.tm_min = number(5);
    if (parts.tm_hour > 23 || parts.tm_min > 59 || number(6) > 60) return 0;
    const struct tm given = parts;
    const time_t minute = timegm(&parts);
    // The C library carries days that a month does not have over into the next.
    if (parts.tm_year != given.tm_year || parts.tm_mon != given.tm_mon || parts.tm_mday != given.tm_mday) return 0;
    std::string fraction = found[7].str();
    fraction.resize(6, '0');
    int64_t offset = 0;
    if (found[8].matched) {
        if (number(9) > 23 || number(10) > 59) return 0;
        offset = (int64_t(number(9)) * 60 + number(10)) * (found[8].str() == "-" ? -60 : 60);
    }
    *micros = (int64_t(minute) - offset + number(6)) * 1000000 + std::atoi(fraction.c_str());
    return 1;
}

extern "C" int csimdjson_amount(const char *text, size_t count, double *amount) {
    static const std::regex form("-?\\d{1,14}(?:\\.\\d{1,4})?");
    if (!std::regex_match(text, text + count, form)) return 0;
    *amount = std::strtod(std::string(text, count).c_str(), nullptr);
    return 1;
}
