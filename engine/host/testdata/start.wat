;; A start function that traps if the host says so.
(module $start
  (import "env" "should_trap" (global $should_trap i32))
  (global $ran (export "ran") (mut i32) (i32.const 0))
  (func $start
    (global.set $ran (i32.const 1))
    (if (global.get $should_trap) (then unreachable)))
  (start $start))
