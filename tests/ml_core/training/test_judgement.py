from ml_core.training.judgement import unbeaten


def test_a_network_that_does_not_beat_the_baselines_is_said_not_to():
    text = unbeaten({"network": 14.0, "linear": 12.25, "mean": 30.0}, "validation blocks")
    assert text == (
        "The network (RMSE 14.0 %) does not beat every baseline on the validation blocks; the best"
        " of them (linear regression on backscatter means) errs by 12.2 %"
    )
    assert unbeaten({"network": 14.0, "linear": 14.0}, "validation blocks")
    assert not unbeaten({"network": 9.0, "linear": 12.0, "mean": 30.0}, "validation blocks")
    assert not unbeaten({}, "validation blocks")
    assert not unbeaten({"network": 9.0}, "validation blocks")
