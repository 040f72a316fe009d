//! Failovers as stories on a virtual clock: `tests/scenarios/*.toml`, each told at several phases of the timers.
//!
//! What must hold in every story (never two live owners, no claim without grounds, no two attempts of one step at
//! once, no busy loop, a second tick changes nothing, state and events survive the journal) is checked by `world`.

mod expect;
mod planned;
mod policies;
mod scenario;
mod site;
mod world;

macro_rules! stories {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            scenario::Scenario::tell(stringify!($name));
        })*

        #[test]
        fn every_story_is_told() {
            let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
            let mut files: Vec<String> = std::fs::read_dir(dir)
                .expect("the scenarios are there")
                .map(|f| f.expect("readable").file_name().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut told = vec![$(format!("{}.toml", stringify!($name))),*];
            told.sort();
            assert_eq!(files, told);
        }
    };
}

stories! {
    a_claim_hangs_and_is_tried_again,
    a_failed_release_meets_a_peer_that_serves_by_now,
    a_fenced_machine_is_seen_elsewhere_once,
    a_hold_after_a_release_was_ordered,
    a_link_that_flaps_is_not_a_wrong_port,
    a_look_around_a_death_says_nothing_of_the_place,
    a_management_address_that_is_silent_too_delays_little,
    a_network_manager_prunes_the_address,
    a_new_card_that_is_somewhere_else,
    a_notification_is_forged,
    a_notification_says_that_the_port_is_down,
    a_peer_that_was_claimed_from_anyway_is_back,
    a_person_confirms_the_fence_in_spite_of_the_tables,
    a_planned_switchover_and_back,
    a_planned_switchover_stops_half_way,
    a_planned_switchover_with_slow_heartbeats,
    a_planned_takeover_cannot_be_stopped,
    a_planned_takeover_of_an_agentless_primary,
    a_planned_takeover_while_we_are_isolated,
    a_release_is_refused_before_anything_is_given_away,
    a_release_to_a_dead_service_is_taken_back,
    a_release_to_a_peer_that_is_not_healthy_is_taken_back,
    a_release_under_hold_may_take_back,
    a_restart_knows_who_was_on_the_port,
    a_restarted_daemon_forgets_who_held,
    a_silent_fenced_machine_is_plugged_in_elsewhere,
    a_step_of_the_site_delays_the_claim_and_the_port_is_opened,
    a_step_of_the_site_fails_and_the_takeover_goes_on,
    a_step_of_the_site_hangs_and_halts_what_comes_after_it,
    a_step_of_the_site_that_failed_is_taken_back,
    a_switchover_to_a_node_that_cannot_claim,
    a_third_machine_answers_after_the_fence,
    a_third_machine_answers_beside_a_living_peer,
    a_third_machine_answers_beside_the_owner,
    a_third_machine_answers_for_the_vip,
    alive_elsewhere_may_only_alert,
    an_agentless_peer_answers_on_its_management_address_only,
    an_answer_after_its_deadline_changes_nothing,
    an_order_expires,
    another_machine_on_another_port_is_never_the_peer,
    both_of_a_pair_are_behind_fences,
    both_of_a_pair_fence_each_other_when_the_switch_answers_again,
    both_of_a_pair_lose_their_power,
    both_of_a_pair_would_fence_each_other,
    cameras_stay_away,
    claim_anyway_on_a_confirmed_port,
    claim_anyway_wants_a_confirmed_port,
    claim_anyway_wants_the_port_down,
    forty_per_cent_are_lost_and_pings_are_not_answered,
    forty_per_cent_are_lost_both_ways_and_nobody_is_taken,
    gaps_of_the_peer_alone_in_a_pair,
    gaps_of_the_peer_alone_that_check_promises,
    hold_off_goes_on_at_the_fence,
    hold_while_the_fence_runs,
    it_answers_does_not_serve_and_half_of_the_cameras_are_silent,
    nobody_owns_it_and_a_person_is_told_under_hold,
    our_carrier_is_lost_while_active,
    our_own_carrier_is_lost,
    our_own_process_stalls,
    our_own_process_stalls_while_the_primary_dies,
    our_own_vlan_is_changed_under_us,
    port_takeover_and_back,
    port_takeover_and_the_daemon_is_killed_at_any_moment,
    port_takeover_and_the_daemon_is_killed_while_spanning_tree_is_waited_for,
    port_takeover_our_port_never_forwards,
    port_takeover_the_fence_cannot_be_proven,
    port_takeover_the_mute_stays_off_between_two_claims,
    port_takeover_the_switch_falls_silent_before_our_port_is_moved,
    port_takeover_waits_for_spanning_tree,
    steps_of_the_site_are_done_in_order_and_taken_back_in_reverse,
    takeover_is_manual,
    ten_frames_a_second_are_enough,
    the_address_is_given_up_and_the_steps_of_the_site_are_taken_back,
    the_claim_fails_for_a_while,
    the_counters_of_another_port_follow,
    the_daemon_is_killed_at_any_moment_and_the_steps_of_the_site_end_as_they_should,
    the_daemon_is_killed_at_any_moment_of_a_release,
    the_daemon_is_killed_at_any_moment_of_a_takeover,
    the_daemon_of_a_pair_is_killed_at_any_moment_of_a_takeover,
    the_data_cable_is_out_while_heartbeats_go_on,
    the_data_vlan_is_lost_while_heartbeats_go_on,
    the_fence_cannot_be_read,
    the_fence_is_lost_and_the_peer_is_silent,
    the_fence_is_never_confirmed,
    the_fence_is_opened_and_cannot_be_proven_again,
    the_fence_is_opened_by_hand_while_the_primary_is_back,
    the_fence_is_opened_while_the_switch_is_silent,
    the_fence_names_a_port_on_which_nobody_is,
    the_fenced_peer_is_back_by_its_other_address,
    the_higher_epoch_wins,
    the_lifetime_passes_while_the_owner_sleeps,
    the_operator_holds,
    the_operator_holds_in_the_confirm_burst,
    the_owners_carrier_is_lost_in_a_pair,
    the_owners_daemon_sleeps_and_its_kernel_answers,
    the_peer_answers_by_either_of_its_addresses,
    the_peer_answers_while_an_attempt_at_the_fence_runs,
    the_peer_gets_its_address_back_by_its_second_address,
    the_peer_has_a_new_network_card,
    the_peer_is_recabled_and_the_fence_is_not,
    the_peer_is_seen_down_and_claimed_anyway,
    the_peer_returns_in_the_confirm_burst,
    the_peer_returns_while_the_fence_is_unproven,
    the_peer_with_two_addresses_has_a_third,
    the_peers_own_leg_loses_half,
    the_port_is_opened_while_the_claim_fails,
    the_preferred_node_boots_alone,
    the_preferred_node_boots_where_it_does_not_hear_the_owner,
    the_preferred_node_cannot_claim,
    the_preferred_node_is_held_and_a_person_is_told,
    the_preferred_node_starts_later,
    the_preferred_node_takes_the_vacant_vip,
    the_primary_dies_cable_first,
    the_primary_of_a_pair_dies,
    the_primary_of_a_pair_loses_power_and_comes_back,
    the_primary_of_a_pair_panics,
    the_primary_panics_and_its_port_stays_up,
    the_repaired_peer_answers_by_its_second_address_elsewhere,
    the_repaired_peer_has_a_new_card,
    the_repaired_peer_is_plugged_into_another_port,
    the_repaired_peer_is_plugged_into_another_port_and_does_not_serve,
    the_service_dies_and_a_person_is_told,
    the_service_dies_and_is_taken_over,
    the_standby_boots_first,
    the_standby_boots_first_and_the_primary_later,
    the_standby_reboots_while_active,
    the_standby_reboots_while_active_and_the_peer_is_silent,
    the_standby_reboots_while_active_and_the_peer_serves,
    the_switch_accepts_and_lies,
    the_switch_is_silent,
    the_switch_proves_the_fence_late,
    the_switch_reboots_and_the_primary_is_back,
    the_switch_tells_no_addresses,
    the_switch_tells_no_addresses_and_an_order_confirms,
    the_switch_tells_no_addresses_and_its_counters_do,
    the_vip_flaps_between_two,
    the_vip_is_released_in_a_pair,
    the_vip_is_released_to_an_agentless_primary,
    the_witnesses_are_gone,
    there_is_no_fence_and_a_person_orders_it,
    three_witnesses_here_and_ninety_six_there,
    twenty_per_cent_are_lost_one_way,
    user_space_hangs_and_the_kernel_answers,
    user_space_of_a_pair_hangs_and_the_kernel_answers,
    we_are_cut_off_while_the_fence_is_unproven,
    what_is_left_over_in_the_table_is_not_past_the_fence,
}
