//! Real processes on real sockets: what only the `holdfast` binary itself can show. Belongs to the root package, whose tests cargo
//! hands the binary. A file per rule. What the rules share: [`program`] and [`holdfast`] start processes, [`cluster`] starts all three servers,
//! [`device`], [`raw`] and [`foreign`] are their clients, [`bystanders`] two who must not notice, [`crowd`] is many of them, [`people`] are those of the load tester, [`victim`] is a gateway to
//! attack, [`certificates`] are what servers show, [`metrics`] asks what was counted, [`redis_server`] is a Redis that keeps the sessions, [`upgraded`] is
//! a gateway that is replaced while it runs.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod bystanders;
mod certificates;
mod cluster;
mod crowd;
mod device;
mod foreign;
mod holdfast;
mod metrics;
mod people;
mod program;
mod raw;
#[path = "../../state/src/shell/journal/redis/tests/process.rs"]
#[allow(dead_code, reason = "the tests of the journal itself use more of it")]
mod redis_server;
mod upgraded;
mod victim;

mod a_damaged_journal_is_told_and_only_a_torn_tail_is_mended;
mod a_disk_that_fails_costs_no_message;
mod a_full_reactor_leaves_newcomers_to_the_others;
mod a_gateway_is_replaced_under_its_clients;
mod a_gateway_that_is_stopped_sends_its_clients_elsewhere;
mod a_handover_that_fails_changes_nothing;
mod a_message_costs_two_system_calls;
mod a_reactor_may_let_events_gather;
mod a_supervisor_is_told_and_may_pass_the_sockets;
mod an_operator_sees_ends_and_traces_connections;
mod attacks_on_handshakes_are_held_off;
mod attacks_on_open_connections_are_held_off;
mod bad_input;
mod balancers_tell_whose_connection_it_is;
mod clients_may_speak_tls;
mod compressed_packets_reach_foreign_clients;
mod dev_runs_the_three_servers_and_leaves_none_behind;
mod devices_are_limited_and_signed_out;
mod every_end_is_told_once;
mod floods_of_connections_are_turned_away;
mod foreign_clients;
mod history_survives_a_restart;
mod lies_of_a_gateway_cost_it_its_link_alone;
mod links_may_be_unix_sockets;
mod links_prove_who_they_are;
mod load_speaks_holdfast;
mod load_tells_the_truth_about_any_server;
mod logic_dies;
mod many_people_do_not_notice_that_state_dies;
mod mistakes_of_an_operator_end_the_process_with_the_right_code;
mod people_chat_in_their_terminals;
mod presence_is_told_to_those_who_watch;
mod servers_are_stopped_under_load;
mod sessions_are_kept_in_redis;
mod sessions_are_resumed;
mod settings_are_read_again_on_sighup;
mod state_dies;
mod the_runbook_names_what_there_is;
mod the_threats_are_tested;
mod they_talk;
mod two_gateways_have_one_id;
mod two_thousand_people_do_not_notice_that_redis_dies;
mod what_must_not_be_is_refused;
