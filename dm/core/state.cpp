#include "dm/core/state.hpp"

#include <algorithm>
#include <limits>

namespace dm {
namespace {

constexpr std::string_view kMagic = "HVMDM-ST";
/// Records side by side, more than any machine has devices or any State members: finding duplicates compares
/// all pairs.
constexpr std::size_t kMostRecords = 1024;

u64 little_endian(std::span<const u8> bytes) {
    u64 value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value |= u64{bytes[i]} << (i * 8);
    return value;
}

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

Result<u64> StateReader::number(std::span<const u8> bytes, std::size_t width, std::string_view where) {
    if (bytes.size() != width) return fail("saved state: {} has the wrong width", where);
    return little_endian(bytes);
}

Status StateReader::kind(const Record& record, char wanted, std::string_view where) {
    if (record.kind != wanted) return fail("saved state: {} is of another kind than expected", where);
    return {};
}

StateReader::Record* StateReader::find_section(std::string_view name) {
    for (Record& section : sections_)
        if (section.name == name && section.kind == 's') {
            section.used = true;
            return &section;
        }
    return nullptr;
}

Status StateReader::finish() const {
    for (const Record& section : sections_)
        if (!section.used)
            return fail("saved state: section {} belongs to no device of this machine", section.name);
    return {};
}

StateReader::Struct::Struct(std::span<const u8> bytes, std::string where) : where_(std::move(where)) {
    Result<std::vector<Record>> records = split(bytes, where_);
    if (records.ok())
        records_ = std::move(records).value();
    else
        error_ = records.error();
}

StateReader::Record* StateReader::Struct::take(std::string_view name) {
    if (error_) return nullptr;
    for (Record& record : records_)
        if (record.name == name) {
            record.used = true;
            return &record;
        }
    error_ = fail("saved state: {}.{} is missing", where_, name);
    return nullptr;
}

void StateReader::Struct::check(std::string_view, const Status& status) {
    if (!error_ && !status.ok()) error_ = status.error();
}

Status StateReader::Struct::finish() const {
    if (error_) return *error_;
    for (const Record& record : records_)
        if (!record.used) return fail("saved state: {}.{} is unknown", where_, record.name);
    return {};
}

} // namespace dm
