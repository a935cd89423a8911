#include "dm/core/state.hpp"

#include <algorithm>
#include <limits>

namespace dm {
namespace {

constexpr std::string_view kMagic = "HVMDM-ST";
/// Records side by side, more than any machine has devices or any State members: finding duplicates compares
/// all pairs.
constexpr std::size_t kMostRecords = 1024;

} // namespace

std::vector<u8> StateWriter::take() && {
    std::vector<u8> image(kMagic.begin(), kMagic.end());
    for (unsigned i = 0; i < 4; ++i)
        image.push_back(byte_of(kStateVersion, i));
    image.insert(image.end(), body_.begin(), body_.end());
    return image;
}

std::size_t StateWriter::open(std::string_view name, char kind) {
    DM_CHECK(!name.empty() && name.size() <= std::numeric_limits<u8>::max());
    put(name.size(), 1);
    body_.insert(body_.end(), name.begin(), name.end());
    put(static_cast<u8>(kind), 1);
    const std::size_t mark = body_.size();
    put(0, 4);
    return mark;
}

void StateWriter::close(std::size_t length_at) {
    const u64 length = body_.size() - length_at - 4;
    for (unsigned i = 0; i < 4; ++i)
        body_[length_at + i] = byte_of(length, i);
}

void StateWriter::put(u64 value, std::size_t width) {
    for (unsigned i = 0; i < width; ++i)
        body_.push_back(byte_of(value, i));
}

Result<StateReader> StateReader::open(std::span<const u8> image) {
    if (image.size() < kMagic.size() + 4 || !std::equal(kMagic.begin(), kMagic.end(), image.begin()))
        return fail("saved state: not an image of hvmdm (was it saved by another device model?)");
    const u64 version = little_endian(image.subspan(kMagic.size(), 4));
    if (version == 0 || version > kStateVersion)
        return fail("saved state: version {} is newer than this hvmdm understands ({})", version,
                    kStateVersion);
    StateReader reader;
    DM_TRY_ASSIGN(reader.sections_, split(image.subspan(kMagic.size() + 4), "image"));
    return reader;
}

Result<std::vector<StateReader::Record>> StateReader::split(std::span<const u8> bytes,
                                                            std::string_view where) {
    std::vector<Record> records;
    while (!bytes.empty()) {
        const std::size_t name_length = bytes[0];
        const std::size_t head = 1 + name_length + 1 + 4;
        if (name_length == 0 || bytes.size() < head) return fail("saved state: {} is cut off", where);
        if (records.size() == kMostRecords) return fail("saved state: {} holds too many records", where);
        Record record;
        record.name = {reinterpret_cast<const char*>(bytes.data()) + 1, name_length};
        record.kind = static_cast<char>(bytes[1 + name_length]);
        const u64 length = little_endian(bytes.subspan(2 + name_length, 4));
        if (length > bytes.size() - head) return fail("saved state: {} is cut off", where);
        record.payload = bytes.subspan(head, length);
        for (const Record& other : records)
            if (other.name == record.name) return fail("saved state: {} holds {} twice", where, record.name);
        records.push_back(record);
        bytes = bytes.subspan(head + length);
    }
    return records;
}

u64 StateReader::little_endian(std::span<const u8> bytes) {
    u64 value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value |= u64{bytes[i]} << (i * 8);
    return value;
}

Status StateReader::open_section(std::string_view name, Struct& reader) {
    for (Record& section : sections_)
        if (section.name == name && section.kind == 's') {
            section.used = true;
            reader = Struct(section.payload, std::string(name));
            return {};
        }
    return fail("saved state: no section for device {}", name);
}

bool StateReader::has(std::string_view name) {
    Struct unread;
    return open_section(name, unread).ok();
}

Status StateReader::finish() const {
    for (const Record& section : sections_)
        if (!section.used)
            return fail("saved state: section {} belongs to no device of this machine", section.name);
    return {};
}

// ---- one struct

StateReader::Struct::Struct(std::span<const u8> bytes, std::string where) : where_(std::move(where)) {
    Result<std::vector<Record>> records = split(bytes, where_);
    if (records.ok())
        records_ = std::move(records).value();
    else
        error_ = records.error();
}

StateReader::Struct::~Struct() = default;

void StateReader::Struct::wrong(std::string_view where, std::string_view what) {
    if (!error_) error_ = fail("saved state: {} {}", where, what);
}

bool StateReader::Struct::has(std::string_view name) const {
    return std::ranges::any_of(records_, [&](const Record& record) { return record.name == name; });
}

StateReader::Record* StateReader::Struct::take(std::string_view name, char kind) {
    if (error_) return nullptr;
    for (Record& record : records_)
        if (record.name == name) {
            record.used = true;
            if (record.kind == kind) return &record;
            wrong(path(name), "is of another kind than expected");
            return nullptr;
        }
    wrong(path(name), "is missing");
    return nullptr;
}

bool StateReader::Struct::number_is(u64 raw, Form form, std::string_view name) {
    if (!form.truth || raw <= 1) return true;
    wrong(path(name), fmt::format("is {}, not a truth value", raw));
    return false;
}

bool StateReader::Struct::count_is(std::size_t count, std::size_t wanted, std::string_view where) {
    if (count == wanted) return true;
    wrong(where, fmt::format("has {} items instead of {}", count, wanted));
    return false;
}

std::optional<u64> StateReader::Struct::number_of(const Record& record, Form form) {
    if (record.payload.size() != form.width) {
        wrong(path(record.name), "has the wrong width");
        return std::nullopt;
    }
    const u64 raw = little_endian(record.payload);
    if (!number_is(raw, form, record.name)) return std::nullopt;
    return raw;
}

std::optional<u64> StateReader::Struct::number(std::string_view name, Form form) {
    const Record* const record = take(name, 'u');
    if (record == nullptr) return std::nullopt;
    return number_of(*record, form);
}

std::optional<u64> StateReader::Struct::number_if_any(std::string_view name, Form form) {
    const auto it_is = [name](const Record& record) { return record.name == name; };
    if (std::none_of(records_.begin(), records_.end(), it_is)) return std::nullopt; // of an earlier version
    const Record* const record = take(name, 'o');
    if (record == nullptr || record->payload.empty()) return std::nullopt;
    return number_of(*record, form);
}

std::span<const u8> StateReader::Struct::numbers(std::string_view name, Form form, std::size_t most,
                                                 bool exact) {
    const Record* const record = take(name, form.width == 1 ? 'b' : 'l');
    if (record == nullptr) return {};
    std::span<const u8> bytes = record->payload;
    if (form.width > 1) {
        if (bytes.empty() || bytes[0] != form.width) {
            wrong(path(name), "has the wrong width");
            return {};
        }
        bytes = bytes.subspan(1);
    }
    if (bytes.size() % form.width != 0 || bytes.size() / form.width > most) {
        wrong(path(name), "has an impossible length");
        return {};
    }
    for (std::size_t at = 0; form.truth && at < bytes.size(); at += form.width)
        if (!number_is(little_endian(bytes.subspan(at, form.width)), form, name)) return {};
    if (exact && !count_is(bytes.size() / form.width, most, path(name))) return {};
    return bytes;
}

StateReader::Items StateReader::Struct::structs(std::string_view name) {
    const Record* const record = take(name, 'a');
    return record == nullptr ? Items{} : Items{record->payload, 0, path(name)};
}

bool StateReader::Struct::next(Items& items, std::size_t most, Struct& item) {
    if (error_ || items.rest.empty()) return false;
    if (items.rest.size() < 4 || items.count == most) {
        wrong(items.where, "has an impossible length");
        return false;
    }
    const u64 length = little_endian(items.rest.first(4));
    items.rest = items.rest.subspan(4);
    if (length > items.rest.size()) {
        wrong(items.where, "is cut off");
        return false;
    }
    item = Struct(items.rest.first(length), items.where + "[]");
    items.rest = items.rest.subspan(length);
    return true;
}

bool StateReader::Struct::open(std::string_view name, Struct& inner) {
    const Record* const record = take(name, 's');
    if (record == nullptr) return false;
    inner = Struct(record->payload, path(name));
    return true;
}

bool StateReader::Struct::take_error_of(const Struct& inner) {
    const Status status = inner.finish();
    if (!status.ok() && !error_) error_ = status.error();
    return status.ok();
}

Status StateReader::Struct::finish() const {
    if (error_) return *error_;
    for (const Record& record : records_)
        if (!record.used) return fail("saved state: {}.{} is unknown", where_, record.name);
    return {};
}

} // namespace dm
