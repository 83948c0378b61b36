// The C interface over simdjson, and the only C++ file of the project. simdjson reports by error
// codes and allocates with nothrow new; the one try block is a belt for what its inline code might
// still throw. Raw values are cut from the text itself, not printed from the parsed document, so
// that numbers and escapes pass through as their author wrote them.
#include <cstdlib>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <type_traits>

extern "C" {
#include "base/huge_pages.h"
#include "base/utf8.h"
}
#include "json/json.h"

namespace dom = simdjson::dom;

struct gm_json_parser {
    dom::parser parser;
    dom::document document;
    dom::object object;
    bool has_object;
    dom::object::iterator next; // of the walk: the next field in the document ...
    size_t raw_next;            // ... and a place in the text in front of its key
    const uint8_t *text;        // of the object in hand: the caller's bytes, or copy
    size_t n_bytes;
    uint8_t *copy;
    size_t copy_bytes;
    size_t max_bytes;
    size_t max_depth;
};

static_assert(GM_JSON_PADDING_BYTES == simdjson::SIMDJSON_PADDING, "see json.h");

static const size_t GM_JSON_MIN_CAPACITY = 16 * 1024;

extern "C" struct gm_json_parser *gm_json_parser_new(size_t max_bytes, size_t max_depth)
{
    GM_ASSERT(max_depth >= 1 && max_depth <= 1024);
    GM_ASSERT(max_bytes < UINT32_MAX);
    struct gm_json_parser *parser = new (std::nothrow) gm_json_parser();
    if (parser == nullptr)
        return nullptr;
    parser->max_bytes = max_bytes;
    parser->max_depth = max_depth;
    // Picks the implementation for this CPU now, and not under a sandbox.
    struct gm_err err;
    if (gm_json_parse(parser, "{}", 2, 0, &err) != GM_OK) {
        gm_json_parser_free(parser);
        return nullptr;
    }
    return parser;
}

extern "C" void gm_json_parser_free(struct gm_json_parser *parser)
{
    if (parser == nullptr)
        return;
    free(parser->copy);
    delete parser;
}

// Capacity that doubles, so that slowly growing texts do not reallocate each time.
static size_t grown(size_t n_bytes, size_t max_bytes)
{
    size_t capacity = GM_JSON_MIN_CAPACITY;
    while (capacity < n_bytes)
        capacity *= 2;
    return capacity > max_bytes && n_bytes <= max_bytes ? max_bytes : capacity;
}

// What simdjson fills for a text, from the front: of a large one, most of the time to parse it goes
// into page faults. The sizes are the least that simdjson has asked for.
static void use_huge_pages(struct gm_json_parser *parser, size_t capacity)
{
    gm_huge_pages(parser->document.tape.get(), capacity * sizeof(uint64_t));
    gm_huge_pages(parser->document.string_buf.get(), capacity);
    gm_huge_pages(parser->parser.implementation->structural_indexes.get(),
                  capacity * sizeof(uint32_t));
}

static bool make_room(struct gm_json_parser *parser, size_t n_bytes)
{
    size_t capacity = grown(n_bytes, parser->max_bytes);
    if (capacity < 64)
        capacity = 64;
    if (parser->document.capacity() < n_bytes || parser->document.capacity() == 0)
        if (parser->document.allocate(capacity) != simdjson::SUCCESS)
            return false;
    // simdjson counts the document itself as a level.
    if (parser->parser.capacity() < n_bytes || parser->parser.capacity() == 0)
        if (parser->parser.allocate(capacity, parser->max_depth + 1) != simdjson::SUCCESS)
            return false;
    use_huge_pages(parser, n_bytes);
    return true;
}

static bool copy_text(struct gm_json_parser *parser, const void *text, size_t n_bytes)
{
    size_t wanted = n_bytes + GM_JSON_PADDING_BYTES;
    if (parser->copy_bytes < wanted) {
        wanted = grown(wanted, parser->max_bytes + GM_JSON_PADDING_BYTES);
        uint8_t *copy = static_cast<uint8_t *>(malloc(wanted));
        if (copy == nullptr)
            return false;
        free(parser->copy);
        parser->copy = copy;
        parser->copy_bytes = wanted;
    }
    if (n_bytes > 0)
        memcpy(parser->copy, text, n_bytes);
    memset(parser->copy + n_bytes, 0, GM_JSON_PADDING_BYTES);
    parser->text = parser->copy;
    return true;
}

static enum gm_status explain(struct gm_json_parser *parser, simdjson::error_code code,
                              struct gm_err *err)
{
    if (code == simdjson::MEMALLOC)
        return gm_err_set(err, GM_NOMEM, "no memory to parse %zu bytes of JSON", parser->n_bytes);
    if (code == simdjson::DEPTH_ERROR)
        return gm_err_set(err, GM_LIMIT, "JSON nested deeper than %zu levels", parser->max_depth);
    // Whichever comes first in the text is the mistake to report.
    const char *expected = nullptr;
    size_t offset = gm_json_locate(parser->text, parser->n_bytes, &expected);
    size_t n_valid = gm_utf8_valid_prefix(parser->text, parser->n_bytes);
    if (n_valid < parser->n_bytes && n_valid <= offset)
        return gm_err_set(err, GM_INPUT, "byte %zu: invalid UTF-8", n_valid);
    if (offset == SIZE_MAX)
        return gm_err_set(err, GM_INPUT, "%s", simdjson::error_message(code));
    if (offset == parser->n_bytes)
        return gm_err_set(err, GM_INPUT, "byte %zu: the text ends where %s was expected", offset,
                          expected);
    return gm_err_set(err, GM_INPUT, "byte %zu: expected %s", offset, expected);
}

static enum gm_status parse_text(struct gm_json_parser *parser, struct gm_err *err)
{
    dom::element root;
    simdjson::error_code code =
        parser->parser.parse_into_document(parser->document, parser->text, parser->n_bytes, false)
            .get(root);
    if (code != simdjson::SUCCESS)
        return explain(parser, code, err);
    if (root.get_object().get(parser->object) != simdjson::SUCCESS)
        return gm_err_set(err, GM_INPUT, "byte 0: expected an object, '{'");
    parser->has_object = true;
    gm_json_rewind(parser);
    return GM_OK;
}

extern "C" enum gm_status gm_json_parse(struct gm_json_parser *parser, const void *text,
                                        size_t n_bytes, size_t n_behind, struct gm_err *err)
{
    parser->has_object = false;
    parser->n_bytes = n_bytes;
    if (n_bytes > parser->max_bytes)
        return gm_err_set(err, GM_LIMIT, "JSON of %zu bytes is longer than %zu", n_bytes,
                          parser->max_bytes);
    parser->text = static_cast<const uint8_t *>(text);
    if (n_behind < GM_JSON_PADDING_BYTES && !copy_text(parser, text, n_bytes))
        return explain(parser, simdjson::MEMALLOC, err);
    try {
        if (!make_room(parser, n_bytes))
            return explain(parser, simdjson::MEMALLOC, err);
        return parse_text(parser, err);
    } catch (...) {
        return explain(parser, simdjson::MEMALLOC, err);
    }
}

static void number_of(dom::element element, struct gm_json_value *value)
{
    int64_t i64 = 0;
    if (element.get_int64().get(i64) != simdjson::SUCCESS)
        return;
    value->kind = i64 < 0 ? GM_JSON_I64 : GM_JSON_U64;
    value->i64 = i64;
}

static void text_of(dom::element element, struct gm_json_value *value)
{
    std::string_view view;
    if (element.get_string().get(view) != simdjson::SUCCESS)
        return;
    value->kind = GM_JSON_STRING;
    value->text = view.data();
    value->n_bytes = view.size();
}

static struct gm_json_value value_of(dom::element element)
{
    struct gm_json_value value = {};
    switch (element.type()) {
    case dom::element_type::ARRAY:
        value.kind = GM_JSON_ARRAY;
        break;
    case dom::element_type::OBJECT:
        value.kind = GM_JSON_OBJECT;
        break;
    case dom::element_type::INT64:
        number_of(element, &value);
        break;
    case dom::element_type::UINT64:
        value.kind = GM_JSON_U64;
        value.u64 = element.get_uint64().value_unsafe();
        break;
    case dom::element_type::DOUBLE:
        value.kind = GM_JSON_F64;
        value.f64 = element.get_double().value_unsafe();
        break;
    case dom::element_type::STRING:
        text_of(element, &value);
        break;
    case dom::element_type::BOOL:
        value.kind = GM_JSON_BOOL;
        value.u64 = element.get_bool().value_unsafe() ? 1 : 0;
        break;
    case dom::element_type::NULL_VALUE:
        value.kind = GM_JSON_NULL;
        break;
    }
    return value;
}

extern "C" enum gm_json_kind gm_json_get(const struct gm_json_parser *parser, const char *key,
                                         struct gm_json_value *value)
{
    *value = {};
    if (!parser->has_object)
        return GM_JSON_MISSING;
    std::string_view wanted(key);
    bool found = false;
    dom::element last;
    for (dom::key_value_pair field : parser->object) {
        if (field.key == wanted) {
            last = field.value;
            found = true;
        }
    }
    if (found)
        *value = value_of(last);
    return value->kind;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

extern "C" void gm_json_rewind(struct gm_json_parser *parser)
{
    if (!parser->has_object)
        return;
    parser->next = parser->object.begin();
    parser->raw_next = 0;
    while (parser->text[parser->raw_next] != '{')
        parser->raw_next++;
    parser->raw_next++;
}

extern "C" bool gm_json_next(struct gm_json_parser *parser, struct gm_json_field *field)
{
    if (!parser->has_object || !(parser->next != parser->object.end()))
        return false;
    std::string_view key = parser->next.key();
    field->key = key.data();
    field->key_bytes = key.size();
    field->value = value_of(parser->next.value());
    ++parser->next;

    // The text is valid: white space, comma, key, colon and value stand here in this order.
    const uint8_t *text = parser->text;
    size_t at = parser->raw_next;
    while (text[at] != '"')
        at++;
    at += gm_json_value_length(text + at, parser->n_bytes - at);
    while (is_space(text[at]) || text[at] == ':')
        at++;
    field->raw = text + at;
    field->raw_bytes = gm_json_value_length(text + at, parser->n_bytes - at);
    parser->raw_next = at + field->raw_bytes;
    return true;
}

extern "C" void gm_json_append_minified(struct gm_buf *out, const uint8_t *raw, size_t raw_bytes)
{
    size_t from = 0;
    for (size_t at = 0; at < raw_bytes;) {
        if (raw[at] == '"') {
            at += gm_json_value_length(raw + at, raw_bytes - at);
        } else if (is_space(raw[at])) {
            gm_buf_append(out, raw + from, at - from);
            while (at < raw_bytes && is_space(raw[at]))
                at++;
            from = at;
        } else {
            at++;
        }
    }
    gm_buf_append(out, raw + from, raw_bytes - from);
}

static bool is_listed(const char *const *keys, const struct gm_json_field *field)
{
    for (; keys != nullptr && *keys != nullptr; keys++)
        if (strlen(*keys) == field->key_bytes && memcmp(*keys, field->key, field->key_bytes) == 0)
            return true;
    return false;
}

extern "C" size_t gm_json_append_others(struct gm_json_parser *parser, const char *const *except,
                                        struct gm_buf *out)
{
    size_t n_fields = 0;
    struct gm_json_field field;
    gm_buf_char(out, '{');
    gm_json_rewind(parser);
    while (gm_json_next(parser, &field)) {
        if (is_listed(except, &field))
            continue;
        if (n_fields++ > 0)
            gm_buf_char(out, ',');
        gm_json_string(out, field.key, field.key_bytes);
        gm_buf_char(out, ':');
        gm_json_append_minified(out, field.raw, field.raw_bytes);
    }
    gm_buf_char(out, '}');
    return n_fields;
}

extern "C" bool gm_json_is_utf8(const uint8_t *text, size_t n_bytes)
{
    return simdjson::validate_utf8(reinterpret_cast<const char *>(text), n_bytes);
}

// Nodes and walks: simdjson's elements and iterators are two words that may be copied bytewise.
template <typename T> static void pack(uint64_t words[2], T thing)
{
    static_assert(sizeof(T) == 16 && std::is_trivially_copyable<T>::value,
                  "see struct gm_json_node");
    memcpy(words, &thing, sizeof thing);
}

template <typename T> static T unpack(const uint64_t words[2])
{
    T thing;
    memcpy(static_cast<void *>(&thing), words, sizeof thing);
    return thing;
}

extern "C" struct gm_json_node gm_json_root(const struct gm_json_parser *parser)
{
    GM_ASSERT(parser->has_object);
    struct gm_json_node node;
    pack<dom::element>(node.place, parser->document.root());
    return node;
}

extern "C" struct gm_json_value gm_json_node_value(struct gm_json_node node)
{
    return value_of(unpack<dom::element>(node.place));
}

extern "C" struct gm_json_walk gm_json_enter(struct gm_json_node node)
{
    struct gm_json_walk walk = {};
    dom::element element = unpack<dom::element>(node.place);
    dom::object object;
    dom::array array;
    if (element.get_object().get(object) == simdjson::SUCCESS) {
        walk.kind = GM_JSON_OBJECT;
        pack(walk.next, object.begin());
        pack(walk.end, object.end());
    } else if (element.get_array().get(array) == simdjson::SUCCESS) {
        walk.kind = GM_JSON_ARRAY;
        pack(walk.next, array.begin());
        pack(walk.end, array.end());
    }
    return walk;
}

extern "C" bool gm_json_step(struct gm_json_walk *walk, struct gm_json_value *key,
                             struct gm_json_node *member)
{
    struct gm_json_value none = {};
    if (walk->kind == GM_JSON_OBJECT) {
        dom::object::iterator next = unpack<dom::object::iterator>(walk->next);
        if (!(next != unpack<dom::object::iterator>(walk->end)))
            return false;
        none.kind = GM_JSON_STRING;
        none.text = next.key().data();
        none.n_bytes = next.key().size();
        pack(member->place, next.value());
        pack(walk->next, ++next);
    } else if (walk->kind == GM_JSON_ARRAY) {
        dom::array::iterator next = unpack<dom::array::iterator>(walk->next);
        if (!(next != unpack<dom::array::iterator>(walk->end)))
            return false;
        pack(member->place, *next);
        pack(walk->next, ++next);
    } else {
        return false;
    }
    if (key != nullptr)
        *key = none;
    return true;
}
