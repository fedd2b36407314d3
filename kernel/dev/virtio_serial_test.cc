#include "nacre/kernel/dev/virtio_serial.hh"

#include <gtest/gtest.h>

#include <random>

#include "fake_serial_device.hh"

namespace nacre::dev {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string pattern(size_t size) {
  std::string text(size, '\0');
  std::mt19937 random(3);
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string read_all(SerialPort& port, size_t piece) {
  std::string out;
  std::string buffer(piece, '\0');
  while (const size_t count = port.read_some(std::as_writable_bytes(std::span(buffer)))) {
    out.append(buffer, 0, count);
  }
  return out;
}

struct Counter final : PortListener {
  void on_input() noexcept override { ++inputs; }
  void on_output_space() noexcept override { ++spaces; }
  int inputs = 0;
  int spaces = 0;
};

class VirtioSerialTest : public ::testing::Test {
 protected:
  void start() {
    auto created = VirtioSerial::create(device_, memory_);
    ASSERT_TRUE(created.has_value()) << created.error().message();
    driver_ = std::move(*created);
  }
  std::string start_error() {
    const auto created = VirtioSerial::create(device_, memory_);
    return created ? "created" : created.error().message();
  }
  SerialPort& port(std::string_view name) {
    const auto found = driver_->wait_for(name);
    EXPECT_TRUE(found.has_value()) << found.error().message();
    return **found;
  }

  FakeMemory memory_{512};
  FakeSerialDevice device_{memory_, {"in", "out", "err", "control"}};
  std::unique_ptr<VirtioSerial> driver_;
};

TEST_F(VirtioSerialTest, FindsPortsByName) {
  start();
  for (const char* name : {"in", "out", "err", "control"}) EXPECT_EQ(port(name).name(), name);
  EXPECT_EQ(driver_->find("nothing"), nullptr);
  EXPECT_EQ(driver_->find(""), nullptr);
  EXPECT_EQ(driver_->wait_for("nothing").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(device_.status, 15u);
}

TEST_F(VirtioSerialTest, ProbeTellsWhatIsThere) {
  VirtioMmio transport(device_);
  EXPECT_EQ(transport.probe().value(), VirtioDeviceId::Console);
  device_.device_id = 0;
  EXPECT_EQ(transport.probe().value(), VirtioDeviceId::None);
  device_.device_id = 3;
  device_.version = 1;
  EXPECT_EQ(transport.probe().error().code(), ErrorCode::Unsupported);
}

TEST_F(VirtioSerialTest, RefusesWhatItCannotDrive) {
  device_.features = uint64_t{1} << 32;
  EXPECT_NE(start_error().find("features"), std::string::npos);
  device_.features |= 2;
  device_.largest_queue = 8;
  EXPECT_NE(start_error().find("room for 8"), std::string::npos);
  device_.largest_queue = 16;
  device_.max_ports = 0;
  EXPECT_NE(start_error().find("no port"), std::string::npos);
}

TEST_F(VirtioSerialTest, OutOfMemoryIsAnErrorNotACrash) {
  // What the driver allocates: two pages of queues, two of control buffers, then 40 for each port.
  for (const size_t pages : {0, 1, 2, 3, 4}) {
    FakeMemory memory(pages);
    FakeSerialDevice device(memory, {"in"});
    const auto created = VirtioSerial::create(device, memory);
    if (pages < 4) {
      ASSERT_FALSE(created.has_value()) << pages;
      EXPECT_EQ(created.error().code(), ErrorCode::OutOfMemory);
    } else {
      ASSERT_TRUE(created.has_value());
      EXPECT_EQ((*created)->find("in"), nullptr);
    }
  }
}

TEST_F(VirtioSerialTest, TenMegabytesArriveIntact) {
  start();
  const std::string sent = pattern(10 << 20);
  EXPECT_TRUE(port("out").write_polling(bytes_of(sent)));
  EXPECT_EQ(device_.take_from_guest(2), sent);
  EXPECT_EQ(device_.take_from_guest(3), "");
}

TEST_F(VirtioSerialTest, AStalledHostHoldsTheWriterBack) {
  start();
  SerialPort& out = port("out");
  Counter counter;
  out.set_listener(&counter);
  device_.stall(2, true);
  const std::string sent = pattern(300000);
  const size_t taken = out.write_some(bytes_of(sent));
  EXPECT_EQ(taken, 128u * 1024);
  EXPECT_EQ(out.write_some(bytes_of(sent)), 0u);
  EXPECT_FALSE(out.is_drained());
  driver_->poll();
  EXPECT_EQ(counter.spaces, 0);
  device_.stall(2, false);
  EXPECT_TRUE(driver_->on_interrupt());
  EXPECT_EQ(counter.spaces, 1);
  EXPECT_TRUE(out.is_drained());
  EXPECT_TRUE(out.write_polling(bytes_of(std::string_view(sent).substr(taken))));
  EXPECT_EQ(device_.take_from_guest(2), sent);
  EXPECT_FALSE(driver_->on_interrupt() && driver_->on_interrupt());
}

TEST_F(VirtioSerialTest, InputArrivesInAnyPieces) {
  start();
  SerialPort& in = port("in");
  Counter counter;
  in.set_listener(&counter);
  const std::string sent = pattern(1 << 20);
  device_.send_to_guest(1, sent);
  driver_->poll();
  EXPECT_EQ(counter.inputs, 1);
  std::string received;
  for (size_t piece = 1; received.size() < sent.size(); piece = piece * 3 % 10007) {
    received += read_all(in, piece);
    driver_->poll();
  }
  EXPECT_EQ(received, sent);
  EXPECT_FALSE(in.has_input());
}

TEST_F(VirtioSerialTest, UnreadInputStaysAtTheHost) {
  start();
  device_.send_to_guest(1, pattern(1 << 20));
  driver_->poll();
  // Eight buffers of 4 KiB, and no more although we poll on.
  driver_->poll();
  EXPECT_EQ(read_all(port("in"), 1 << 20).size(), 8u * 4096);
}

TEST_F(VirtioSerialTest, DisconnectingIsSeen) {
  start();
  SerialPort& out = port("out");
  EXPECT_TRUE(out.is_connected());
  device_.send_control(2, 6, 0);
  driver_->poll();
  EXPECT_FALSE(out.is_connected());
}

// ---- a device that lies

TEST_F(VirtioSerialTest, UsedIdsAreChecked) {
  for (const uint32_t id : {8u, 15u, 16u, 0xffffffffu}) {
    SCOPED_TRACE(id);
    FakeSerialDevice device(memory_, {"in"});
    auto driver = VirtioSerial::create(device, memory_).value();
    SerialPort* in = driver->wait_for("in").value();
    device.push_used(FakeSerialDevice::receive_queue(1), id, 1);
    driver->poll();
    EXPECT_TRUE(driver->is_broken());
    EXPECT_NE(device.status & 128, 0u);
    EXPECT_FALSE(in->has_input());
    EXPECT_EQ(in->write_some(bytes_of("x")), 0u);
    EXPECT_FALSE(in->write_polling(bytes_of("x")));
    EXPECT_EQ(driver->wait_for("in").error().code(), ErrorCode::Io);
  }
}

TEST_F(VirtioSerialTest, ABufferComesBackOnce) {
  start();
  device_.push_used(FakeSerialDevice::receive_queue(1), 3, 1);
  device_.push_used(FakeSerialDevice::receive_queue(1), 3, 1);
  driver_->poll();
  EXPECT_TRUE(driver_->is_broken());
}

TEST_F(VirtioSerialTest, LengthsAreChecked) {
  start();
  device_.push_used(FakeSerialDevice::receive_queue(1), 0, 4097);
  driver_->poll();
  EXPECT_TRUE(driver_->is_broken());
  EXPECT_FALSE(driver_->find("in")->has_input());
}

TEST_F(VirtioSerialTest, ControlMessagesAreChecked) {
  start();
  const auto control = [this](uint32_t port, uint16_t event, std::string_view text = "") {
    device_.send_control(port, event, 1, text);
    driver_->poll();
  };
  control(0xffffffff, 1);
  control(7, 7, "name of a port without queues");
  control(1, 1);                          // added again
  control(1, 7, "renamed");               // named again
  control(0, 7, "in");                    // named without having been added
  control(2, 99);                         // unknown event
  control(1, 7, std::string(1000, 'x'));  // longer than our buffer
  EXPECT_FALSE(driver_->is_broken());
  EXPECT_EQ(driver_->find("in"), &port("in"));
  EXPECT_EQ(driver_->find("renamed"), nullptr);
  device_.send_raw_control("short");
  driver_->poll();
  EXPECT_TRUE(driver_->is_broken());
}

TEST_F(VirtioSerialTest, LongNamesAreCut) {
  FakeSerialDevice device(memory_, {std::string(200, 'n')});
  auto driver = VirtioSerial::create(device, memory_).value();
  EXPECT_NE(driver->find(std::string(64, 'n')), nullptr);
}

TEST_F(VirtioSerialTest, RandomUsedEntriesNeverLeaveTheBuffers) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    FakeMemory memory(512);
    FakeSerialDevice device(memory, {"a", "b"});
    auto driver = VirtioSerial::create(device, memory).value();
    for (int step = 0; step < 50 && !driver->is_broken(); ++step) {
      device.push_used(random() % 8, random() % 20, random() % 5000);
      driver->poll();
      for (const char* name : {"a", "b"}) {
        if (SerialPort* port = driver->find(name)) {
          read_all(*port, 777);
          (void)port->write_some(bytes_of("hello"));
        }
      }
    }
    // In 50 random entries there is always one that is wrong.
    EXPECT_TRUE(driver->is_broken());
  }
}

}  // namespace
}  // namespace nacre::dev
