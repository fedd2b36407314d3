<?php
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
$words = explode(" ", "the sea takes the shell");
echo json_encode(array_count_values($words)), "\n", fib(20), "\n", md5("nacre"), "\n", preg_replace('/(\w+) (\w+)/', '$2 $1', "hello world"), "\n";
foreach (["b" => 2, "a" => 1] as $k => $v) printf("%s=%03d\n", $k, $v);
