// A recording that was opened and checked, ready to be played any number of times.
#pragma once

#include "dm/replay/blocks.hpp"
#include "dm/replay/codec.hpp"
#include "dm/replay/machine_shape.hpp"

#include <memory>
#include <string>

namespace dm::replay {

class Recording {
public:
    /// Errors say what is wrong with the file; none of it is used then.
    static Result<Recording> open(const std::string& path);
    static Result<Recording> from(std::vector<u8> file);

    const MachineShape& shape() const { return shape_; }
    /// As far as the machine's clock got.
    u64 duration_ns() const { return duration_ns_; }
    u64 operations() const { return operations_; }
    std::size_t size_bytes() const { return file_.size(); }
    std::size_t blocks() const { return blocks_.size(); }
    /// Bytes at the end that are no whole block: the process was killed while it wrote.
    std::size_t unfinished() const { return unfinished_; }
    const std::vector<PackedBlock>& event_blocks() const { return blocks_; }
    const PackedBlock& machine_block() const { return machine_; }

private:
    std::vector<u8> file_; // moving it moves no byte: the blocks point into it
    PackedBlock machine_;
    std::vector<PackedBlock> blocks_;
    MachineShape shape_;
    u64 duration_ns_ = 0;
    u64 operations_ = 0;
    std::size_t unfinished_ = 0;
};

/// The records of a recording, one after the other.
class Script {
public:
    explicit Script(const Recording& recording);

    /// The record that comes next; null at the end, and after an error.
    const Record* peek();
    /// Takes the record that peek() showed.
    void pop() { have_ = false; }
    Record take();

    /// Why there is no further record, if that is no end.
    const std::optional<Error>& error() const { return error_; }

private:
    bool next_block();

    const Recording& recording_;
    std::unique_ptr<BlockUnpacker> unpacker_ = std::make_unique<BlockUnpacker>();
    Decoder decoder_;
    std::size_t block_ = 0;
    bool open_ = false;
    bool have_ = false;
    Record record_;
    std::optional<Error> error_;
};

} // namespace dm::replay
