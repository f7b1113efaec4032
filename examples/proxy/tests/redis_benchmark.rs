//! All tests of `redis-benchmark`, one command at a time and pipelined.

mod support;

use support::{Daemon, Server, program, proxy, proxy_of, run};

fn run_all_tests(proxy: &Daemon, requests: &str) {
    let Some(benchmark) = program("redis-benchmark") else { return };
    let port = proxy.address().port().to_string();
    for pipeline in ["1", "64"] {
        let options = ["-p", &port, "-q", "-n", requests, "-r", "1000", "-P", pipeline];
        let output = run(&benchmark, &options, "");
        let results = output.matches("requests per second").count();
        assert!(results >= 18, "-P {pipeline}: {output}");
        assert!(!output.contains("rror") && !output.contains("WARN"), "-P {pipeline}: {output}");
    }
}

#[test]
fn all_tests_run_with_a_redis_server() {
    let Some(redis) = Server::start() else { return };
    run_all_tests(&proxy_of([&redis]), "3000");
}

#[test]
fn all_tests_run_with_the_built_in_store() {
    run_all_tests(&proxy(&[]), "3000");
}

#[test]
fn large_values_and_many_clients_cause_no_error() {
    let Some(redis) = Server::start() else { return };
    let Some(benchmark) = program("redis-benchmark") else { return };
    let proxy = proxy_of([&redis]);
    let port = proxy.address().port().to_string();
    for shape in [["-d", "100000", "-c", "20"], ["-d", "64", "-c", "500"]] {
        for pipeline in ["1", "16"] {
            let options = ["-p", &port, "-q", "-n", "2000", "-t", "set,get", "-P", pipeline];
            let output = run(&benchmark, &[&options[..], &shape].concat(), "");
            assert_eq!(output.matches("requests per second").count(), 2, "{shape:?}: {output}");
            assert!(!output.contains("rror") && !output.contains("WARN"), "{shape:?}: {output}");
        }
    }
}
