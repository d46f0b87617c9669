"""Functions that Typer reads by a signature made at run time."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any


def with_signature(
    function: Callable[..., None], parameters: list[inspect.Parameter], *, name: str
) -> Callable[..., None]:
    """The function with a signature that Typer reads instead of its `**kwargs`."""

    def command(**given: Any) -> None:  # noqa: ANN401 - the signature below says what is given
        function(**given)

    command.__name__ = name.replace("-", "_")
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess] - inspect reads it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def common_parameter(name: str, annotation: object, option: object, default: object = None) -> inspect.Parameter:
    """A parameter that is no setting: where the run goes, what is printed."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, option]
    )
