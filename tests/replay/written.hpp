// Recordings that are written by a test instead of a recorder.
#pragma once

#include "dm/replay/recording.hpp"

#include <vector>

namespace dm::test {

inline std::vector<u8> operator+(std::vector<u8> a, const std::vector<u8>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// A file of these payloads, with checksums that fit.
inline std::vector<u8> file_of(const std::vector<std::vector<u8>>& payloads) {
    std::vector<u8> file = replay::file_header();
    replay::BlockPacker packer;
    for (u32 i = 0; i < payloads.size(); ++i)
        file = std::move(file) +
               packer.pack(
                   {.kind = i == 0 ? replay::BlockKind::Machine : replay::BlockKind::Events, .number = i},
                   payloads[i]);
    return file;
}

inline std::vector<u8> payload_of(const std::vector<replay::Record>& records) {
    replay::Encoder encoder;
    for (const replay::Record& record : records)
        encoder.put(record);
    return encoder.take();
}

/// A recording of a machine with one serial port.
inline std::vector<u8> file_of(const std::vector<replay::Record>& records) {
    replay::MachineShape shape;
    shape.program = "test";
    shape.ram_below_4g = 128 << 20;
    shape.serials[0] = true;
    return file_of(std::vector{replay::write_shape(shape), payload_of(records)});
}

/// The payloads of a recording's blocks.
inline std::vector<std::vector<u8>> payloads_of(const replay::Recording& recording) {
    std::vector<std::vector<u8>> payloads;
    replay::BlockUnpacker unpacker;
    const auto add = [&](const replay::PackedBlock& block) {
        const auto payload = unpacker.unpack(block);
        DM_CHECK(payload.ok());
        payloads.emplace_back(payload.value().begin(), payload.value().end());
    };
    add(recording.machine_block());
    for (const replay::PackedBlock& block : recording.event_blocks())
        add(block);
    return payloads;
}

} // namespace dm::test
