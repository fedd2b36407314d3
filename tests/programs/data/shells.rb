Shell = Struct.new(:name, :size)
shells = [Shell.new("nautilus", 20), Shell.new("cowrie", 3), Shell.new("oyster", 9)]
puts shells.sort_by(&:size).map { |s| "#{s.name}:#{s.size}" }.join(", ")
puts 2**200, (1..30).each_slice(7).map(&:sum).inspect, "héllo".upcase.reverse
fib = Hash.new { |h, n| h[n] = n < 2 ? n : h[n - 1] + h[n - 2] }
(0..90).each { |n| fib[n] }
puts fib[90], "a1b22".scan(/\d+/).inspect, [3, 1, 2].lazy.map { _1 * 2 }.sort.to_a.inspect
begin
  Integer("x")
rescue ArgumentError => e
  puts e.message
end
File.write("/made.txt", "in memory\n" * 3)
puts File.readlines("/made.txt").size, Dir.children("/").sort.inspect
exit 5
